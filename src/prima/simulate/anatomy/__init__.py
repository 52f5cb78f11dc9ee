"""The simulated head: template, shape, tissues, structures."""
