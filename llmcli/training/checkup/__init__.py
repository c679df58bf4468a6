"""What `finetune --check` examines in a data set."""
