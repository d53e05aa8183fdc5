"""Single-view reconstruction, in pieces: what train_reconstruction.py and make_dataset.py are made of."""
