"""The model as files that run without this package: ONNX, and torch.export packages."""
