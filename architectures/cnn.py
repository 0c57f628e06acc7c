"""A convolutional network for small images: blocks of convolution and pooling, then three dense layers."""

from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float, Int

from architectures.layers import Dropout, activate, drop, extract_patches, linear, max_pool, split_dropout

_HIDDEN = (120, 84)  # units of the first two dense layers


@dataclass(frozen=True)
class CNNStructure:
    """Static structure of the network, which determines its shapes; each value compiles a separate program."""

    num_blocks: int = 2
    """Number of blocks of convolution and pooling, at least 1. Each block halves height and width."""
    width: int = 16
    """Channels of the first block; each further block doubles them."""
    kernel_size: int = 3
    """Height and width of a convolution's kernel; odd."""
    image_shape: tuple[int, int, int] = (8, 8, 1)
    """Height, width and channels of an image."""
    num_classes: int = 10
    """Number of outputs."""

    def build(self, rngs: nnx.Rngs) -> "CNN":
        """A network with fresh random weights."""
        return CNN(self, rngs)


class CNN(nnx.Module):
    """A network from images to one logit for each class.

    A block is a convolution (padding SAME), an activation and 2x2 max-pooling. Two dense layers of 120 and 84 units
    follow, each with activation and dropout, and then the output layer. The layout is that of LeNet-5.

    References:
      LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, Proc. IEEE, 1998.
    """

    def __init__(self, structure: CNNStructure, rngs: nnx.Rngs):
        """Create a network of the given structure, with random weights from ``rngs``.

        Raises:
          ValueError: If the height or width of the image cannot be halved ``num_blocks`` times, or the kernel is even.
        """
        height, width, channels = structure.image_shape
        scale = 2**structure.num_blocks
        if height % scale or width % scale:
            raise ValueError(
                f"{structure.num_blocks} blocks halve an image as many times: "
                f"expected height and width divisible by {scale}, got {height} and {width}"
            )
        if structure.kernel_size < 1 or structure.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size: expected an odd number, got {structure.kernel_size}")
        self.kernel_size = structure.kernel_size
        convolutions = []
        for block in range(structure.num_blocks):
            outputs = structure.width * 2**block
            convolutions.append(linear(structure.kernel_size**2 * channels, outputs, rngs=rngs))
            channels = outputs
        self.convolutions = nnx.List(convolutions)
        sizes = ((height // scale) * (width // scale) * channels, *_HIDDEN)
        self.hidden = nnx.List(
            [linear(inputs, outputs, rngs=rngs) for inputs, outputs in zip(sizes, _HIDDEN, strict=False)]
        )
        self.output = linear(_HIDDEN[-1], structure.num_classes, rngs=rngs)

    def __call__(
        self, images: Float[Array, "n height width channels"], activation: Int[Array, ""], dropout: Dropout | None
    ) -> Float[Array, "n classes"]:
        """The logits of each image.

        Args:
          images: Images whose pixel values are of the order of 1.
          activation: Index into ``layers.ACTIVATIONS``; may be traced.
          dropout: Rate and key in training, None in evaluation.
        """
        x = images
        for convolution in self.convolutions:
            x = max_pool(
                activate(activation, convolution(extract_patches(x, self.kernel_size)))
            )  # [n, h, w, c] -> [n, h/2, w/2, c']
        x = x.reshape(x.shape[0], -1)  # [n, h, w, c] -> [n, h w c]
        for depth, layer in enumerate(self.hidden):
            x = drop(split_dropout(dropout, depth), activate(activation, layer(x)))  # [n, units]
        return self.output(x)  # [n, classes]
