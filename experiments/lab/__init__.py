"""What the experiments share: command line and results' files, fits in batches, scenes, tables, arrays in files."""
