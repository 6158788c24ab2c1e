"""What the study of activations is measured on and how."""
