"""Use a tuned network: ``python -m experiments.predict runs/lstm "Vereinigte Staaten" "Schweiz"``.

Depending on the task of the network, it classifies an image, continues a text, identifies the language of a name, or
translates a date or a name.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import tyro

from architectures.data.digits import digits
from architectures.data.names import LANGUAGES, LENGTH, name_codec
from architectures.data.text import documentation
from architectures.decoding import continue_text
from architectures.training import predict
from experiments.front import model_of_trial
from experiments.model import load_model
from experiments.task import Trained
from experiments.translation import data_of, translations


def classify_images(trained: Trained, inputs: Sequence[str]) -> list[str]:
    """The digit in each image: an index into the test set, or a file of 8 by 8 pixels, white on black."""
    return [_digit_text(trained, _read_image(each)) for each in inputs]


def _digit_text(trained: Trained, image: np.ndarray) -> str:
    logits = predict(trained.structure, trained.result.params, image[None], trained.config.activation)
    shares = np.asarray(jax.nn.softmax(logits[0]))
    return f"{shares.argmax()} ({shares.max():.1%})"


def _read_image(text: str) -> np.ndarray:
    if text.isdecimal():
        images: Any = digits().test.inputs
        if int(text) >= len(images):
            raise ValueError(f"image: expected a number below {len(images)} or a file, got {text}")
        return images[int(text)]
    pixels = np.asarray(matplotlib.image.imread(text), np.float32)
    pixels = pixels[..., :3].mean(axis=-1) if pixels.ndim == 3 else pixels  # [h, w, colours] -> [h, w]
    if pixels.shape != (8, 8):
        raise ValueError(f"image: expected 8 by 8 pixels, got {pixels.shape[0]} by {pixels.shape[1]}: {text}")
    return (pixels / 255 if pixels.max() > 1 else pixels)[..., None]


def tell_languages(trained: Trained, inputs: Sequence[str]) -> list[str]:
    """The three most probable languages of each name."""
    rows = name_codec().rows([each[:LENGTH] for each in inputs], LENGTH)
    logits = predict(trained.structure, trained.result.params, rows, trained.config.activation)
    texts = []
    for shares in np.asarray(jax.nn.softmax(logits, axis=-1)):
        best = np.argsort(-shares)[:3]
        texts.append(", ".join(f"{LANGUAGES[index]} ({shares[index]:.1%})" for index in best))
    return texts


def continue_texts(trained: Trained, inputs: Sequence[str], length: int, temperature: float, seed: int) -> list[str]:
    """Each text with ``length`` more characters."""
    codec, texts = documentation().codec, []
    for text in inputs:
        written = continue_text(
            jax.random.key(seed),
            trained.structure,
            trained.result.params,
            jnp.asarray(codec.encode(text)),
            trained.config.activation,
            jnp.float32(temperature),
            length=length,
        )
        texts.append(text + codec.decode(np.asarray(written)))
    return texts


def main(
    folder: Annotated[Path, tyro.conf.Positional],
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional],
    length: int = 300,
    temperature: float = 0.7,
    seed: int = 0,
    beams: int = 1,
    trial: int | None = None,
) -> None:
    """Use the network that `python -m experiments.tune` found and trained.

    Args:
      folder: Output folder of the search.
      inputs: Images (files of 8 by 8 pixels, or numbers of the test set), starts of a text, names, or dates.
      length: Number of characters to write when a text is continued.
      temperature: Temperature of the sampled characters of a text; positive, lower is less random.
      seed: Seed of the sampled characters of a text.
      beams: Number of prefixes of the beam search of a translation; 1 is greedy.
      trial: Number of the trial whose network is used, such as a trial of the front; its network is trained at the
        first call. None: the recommended trial.
    """
    try:
        if not inputs or not all(inputs):
            raise ValueError("inputs: expected at least one, none of them empty")
        if beams < 1:
            raise ValueError(f"beams: expected at least 1, got {beams}")
        if not temperature > 0:
            raise ValueError(f"temperature: expected a positive number, got {temperature}")
        name, _, trained = load_model(folder) if trial is None else model_of_trial(folder, trial)
        uses: dict[str, Callable[[], list[str]]] = {
            "cnn": lambda: classify_images(trained, inputs),
            "rnn": lambda: continue_texts(trained, inputs, length, temperature, seed),
            "lstm": lambda: tell_languages(trained, inputs),
        }
        outputs = uses[name]() if name in uses else translations(trained, data_of(name), list(inputs), beams)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from None
    for output in outputs:
        print(output)


if __name__ == "__main__":
    tyro.cli(main)
