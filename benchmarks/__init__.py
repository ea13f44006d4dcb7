"""The cost of chunkview, compared with its peers. `make bench` runs everything."""
