"""The networks: attention, sequence and study ViT, report encoder."""
