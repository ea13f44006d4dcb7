"""What chunkview costs, measured against its peers. `make bench` runs all of it."""
