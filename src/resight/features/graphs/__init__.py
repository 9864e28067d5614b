"""Networks as ONNX graphs, which runtimes other than torch read."""
