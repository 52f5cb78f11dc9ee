"""What joins rooms and holds no option: each verb of the command line is one public call of this room or another."""
