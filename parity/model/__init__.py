"""What a convolution to check is: shapes, arguments, data, and whose conv2d is asked."""
