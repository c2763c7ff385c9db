"""What a run costs, against a floor that is measured beside it. `make bench` prints the table."""
