"""The command `chunkview stats`."""
