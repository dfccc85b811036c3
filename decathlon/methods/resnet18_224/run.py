"""The paper's ResNets share one program; method.toml says which network."""

from medmnist_tfds.decathlon import resnet

resnet.main()
