"""conv2d of other projects behind tf.nn.conv2d's signature: how the suite is pointed at yours."""
