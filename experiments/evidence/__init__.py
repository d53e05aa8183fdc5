"""What `make evidence` computes, in which order, and what docs/experiments.md says of it."""
