"""What the doors of SoftRas and GenDR share: the originals have one code base, and so have they here."""
