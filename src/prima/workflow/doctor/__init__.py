"""What this machine has and lacks, check by check."""
