"""The networks of `architectures` in PyTorch, and the seconds of their training steps. Runs in the peers' environment.

The process reads one line of JSON: family, sizes, number of steps. It writes one line: the seconds per step.
"""

import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

MICROBATCH = 32
NUM_RUNS = 4096


class ConvNet(nn.Module):
    def __init__(self, num_blocks, width, kernel_size):
        super().__init__()
        sizes = [1, *(width * 2**block for block in range(num_blocks))]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, kernel_size, padding="same") for a, b in zip(sizes, sizes[1:], strict=False)
        )
        side = 8 // 2**num_blocks
        self.dense = nn.ModuleList([nn.Linear(side * side * sizes[-1], 120), nn.Linear(120, 84)])
        self.output = nn.Linear(84, 10)

    def forward(self, x):
        for convolution in self.convolutions:
            x = functional.max_pool2d(torch.relu(convolution(x)), 2)
        x = x.flatten(1)
        for layer in self.dense:
            x = functional.dropout(torch.relu(layer(x)), 0.1, self.training)
        return self.output(x)


class Text(nn.Module):
    def __init__(self, num_tokens, width, num_layers):
        super().__init__()
        self.embed = nn.Embedding(num_tokens, 32)
        self.recurrent = nn.RNN(32, width, num_layers, batch_first=True)
        self.output = nn.Linear(width, num_tokens)

    def forward(self, tokens):
        return self.output(functional.dropout(self.recurrent(self.embed(tokens))[0], 0.1, self.training))


class Classifier(nn.Module):
    def __init__(self, num_tokens, num_classes, longest_run, cell, width, num_layers):
        super().__init__()
        self.embed = nn.Embedding(num_tokens, 32)
        self.runs = nn.ModuleList([nn.Embedding(NUM_RUNS, 32) for _ in range(longest_run - 1)])
        self.recurrent = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](32, width, num_layers, batch_first=True)
        self.hidden, self.output = nn.Linear(width, width), nn.Linear(width, num_classes)

    def forward(self, tokens):
        x, earlier = self.embed(tokens), tokens
        word = (tokens ^ 0x811C9DC5) * 0x01000193 & 0xFFFFFFFF
        for table in self.runs:
            earlier = functional.pad(earlier[:, :-1], (1, 0))
            word = (word ^ earlier) * 0x01000193 & 0xFFFFFFFF
            x = x + table((word ^ word >> 15) % NUM_RUNS)
        outputs, _ = self.recurrent(functional.dropout(x, 0.1, self.training))
        last = (tokens != 0).sum(1) - 1
        hidden = outputs[torch.arange(len(tokens)), last]
        hidden = functional.dropout(hidden, 0.1, self.training)
        return self.output(functional.dropout(torch.relu(self.hidden(hidden)), 0.1, self.training))


class Attention(nn.Module):
    def __init__(self, num_tokens, cell, score, width):
        super().__init__()
        assert score == "dot"
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.embed_source, self.embed_target = nn.Embedding(num_tokens, 32), nn.Embedding(num_tokens, 32)
        self.encoder, self.decoder = layer(32, width, batch_first=True), layer(32, width, batch_first=True)
        self.key = nn.Linear(width, width, bias=False)
        self.combine, self.output = nn.Linear(2 * width, width), nn.Linear(width, num_tokens)

    def forward(self, source, target):
        encoded, state = self.encoder(self.embed_source(source))
        encoded = functional.dropout(encoded, 0.1, self.training)
        queries, _ = self.decoder(self.embed_target(target), state)
        scores = queries @ self.key(encoded).transpose(1, 2) / encoded.shape[-1] ** 0.5
        weights = torch.softmax(scores.masked_fill((source == 0)[:, None], float("-inf")), -1)
        combined = torch.tanh(self.combine(torch.cat([weights @ encoded, queries], -1)))
        return self.output(functional.dropout(combined, 0.1, self.training))


class Transformer(nn.Module):
    def __init__(self, num_tokens, width, num_heads, num_layers, norm):
        super().__init__()
        self.embed_source, self.embed_target = nn.Embedding(num_tokens, width), nn.Embedding(num_tokens, width)
        self.positions = nn.Parameter(torch.randn(64, width), requires_grad=False)
        self.transformer = nn.Transformer(
            width, num_heads, num_layers, num_layers, 2 * width, 0.1, batch_first=True, norm_first=norm == "pre"
        )
        self.output = nn.Linear(width, num_tokens)

    def forward(self, source, target):
        length = target.shape[1]
        padding = source == 0
        x = self.embed_source(source) + self.positions[: source.shape[1]]
        y = self.embed_target(target) + self.positions[:length]
        causal = nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.transformer(
            x, y, tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding, tgt_is_causal=True
        )
        return self.output(hidden)


def inputs(shapes, num_tokens):
    if num_tokens is None:
        return [torch.rand(MICROBATCH, 1, 8, 8)]
    return [torch.randint(4, num_tokens, (MICROBATCH, length)) for length in shapes]


def main():
    torch.set_num_threads(1)
    asked = json.loads(sys.stdin.readline())
    family = {
        "cnn": ConvNet,
        "rnn": Text,
        "lstm": Classifier,
        "attention": Attention,
        "transformer": Transformer,
    }[asked["family"]]
    model = family(**asked["sizes"]).train()
    batches = [inputs(lengths, asked["sizes"].get("num_tokens")) for lengths in asked["lengths"]]
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    with torch.no_grad():
        shapes = [model(*given).shape for given in batches]
    answers = [torch.randint(0, shape[-1], shape[:-1]) for shape in shapes]
    seconds = []
    for step in range(asked["num_steps"]):
        given, targets = batches[step % len(batches)], answers[step % len(batches)]
        start = time.perf_counter()
        optimizer.zero_grad()
        logits = model(*given)
        loss = functional.cross_entropy(logits.flatten(0, -2), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    # The median over the repetitions of each batch, then the mean over batches, which differ in length.
    turns = [statistics.median(seconds[batch :: len(batches)]) for batch in range(len(batches))]
    print(json.dumps({"seconds": statistics.mean(turns), "torch": torch.__version__}))


if __name__ == "__main__":
    main()
