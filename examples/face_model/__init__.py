"""Morphable models of faces for fit_face.py: the Basel model, read from its file, and one of made-up heads."""
