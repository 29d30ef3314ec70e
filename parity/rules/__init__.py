"""Every acceptance rule of conv2d as rows."""
