"""Fine-tuning and training from scratch."""
