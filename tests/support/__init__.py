"""What tests share: made-up networks, images, records and files. Holds no tests."""
