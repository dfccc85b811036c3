"""`python -m medmnist_tfds` is the command `medmnist-tfds`."""

from medmnist_tfds.commands import cli

if __name__ == "__main__":
    cli.main()
