"""Published weights into a release, without running what a pickle holds."""
