"""What SoftRas and GenDR have in common besides the rasteriser, and the doors of both share."""
