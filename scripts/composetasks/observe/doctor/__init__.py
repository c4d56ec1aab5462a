"""What the doctor looks at, one module for each subject; nothing is changed."""
