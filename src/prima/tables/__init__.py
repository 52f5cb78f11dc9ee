"""What rooms write into tables for each other: names of columns, failures by name, reading and matching. No torch."""
