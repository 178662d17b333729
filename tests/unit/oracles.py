"""What models compute, computed a second way and as plainly as it can be, for tests to compare with.

In float64, so that a difference is an error and not a rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.attention import MultiHeadAttention
from models.cells import Recurrent, Weights
from models.global_attention import GlobalAttention
from models.recurrent import RecurrentSeq2Seq

State = tuple[Tensor, ...]
"""Of one recurrent layer: (h, c) of an LSTM, (h,) of the others."""


class Draw:
    """Random numbers from one generator: no two draws are alike, and every run draws the same."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Of mean 0 and variance 1."""
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def tokens(self, size: int, *shape: int) -> Tensor:
        """Ids below `size`."""
        return torch.randint(size, shape, generator=self.generator)

    def fill(self, module: nn.Module, scale: float = 0.4) -> nn.Module:
        """The module in float64 and evaluation mode, every parameter drawn anew: a bias that starts at zero, or a norm
        that starts at one, would hide that it is left out."""
        with torch.no_grad():
            for parameter in module.double().eval().parameters():
                parameter.copy_(scale * self.normal(*parameter.shape))
        return module


def real(*lengths: int) -> Tensor:
    """The mask (B, S) of a batch with rows of these lengths."""
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


def copy_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """torch packs W_Q, W_K, W_V in one matrix; ours packs each head's keys and values side by side."""
    heads, width = theirs.num_heads, theirs.embed_dim
    W_Q, W_K, W_V = theirs.in_proj_weight.view(3, heads, width // heads, width)
    b_Q, b_K, b_V = theirs.in_proj_bias.view(3, heads, width // heads)
    with torch.no_grad():
        ours.query.weight.copy_(W_Q.flatten(0, 1))
        ours.query.bias.copy_(b_Q.flatten())
        ours.key_value.weight.copy_(torch.cat([W_K, W_V], dim=1).flatten(0, 1))
        ours.key_value.bias.copy_(torch.cat([b_K, b_V], dim=1).flatten())
        ours.output.load_state_dict(theirs.out_proj.state_dict())


def plain_heads(
    part: MultiHeadAttention, inputs: Tensor, memory: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Multi-head attention over one sequence, head by head and position by position.

    inputs (T, D), memory (S, D), bias (H, T, S) added to the scores. Returns (T, D) and the weights (H, T, S).
    """
    H, K, V = part.n_heads, part.d_k, part.d_v
    W_Q, b_Q = part.query.weight.view(H, K, -1), part.query.bias.view(H, K)
    W_KV, b_KV = part.key_value.weight.view(H, K + V, -1), part.key_value.bias.view(H, K + V)
    W_O = part.output.weight.view(-1, H, V)
    outputs = part.output.bias.repeat(len(inputs), 1)
    weights = torch.zeros(H, len(inputs), len(memory), dtype=torch.float64)
    for h in range(H):
        keys = [W_KV[h, :K] @ row + b_KV[h, :K] for row in memory]
        values = [W_KV[h, K:] @ row + b_KV[h, K:] for row in memory]
        for t, row in enumerate(inputs):
            query = W_Q[h] @ row + b_Q[h]
            scores = torch.stack([query @ key / math.sqrt(K) for key in keys])
            weights[h, t] = normalised(scores if bias is None else scores + bias[h, t])
            outputs[t] += W_O[:, h] @ mixed(weights[h, t], values)
    return outputs, weights


def normalised(scores: Tensor) -> Tensor:
    """The softmax of (S,)."""
    exponentials = torch.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def mixed(weights: Tensor, values: Sequence[Tensor]) -> Tensor:
    """The sum of the values, each times its weight."""
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def plain_recurrent(
    model: RecurrentSeq2Seq, src: Tensor, tgt: Tensor, attention: str, n_heads: int, feeding: bool
) -> tuple[Tensor, Tensor | None]:
    """A recurrent encoder-decoder on one sentence, without padding, one position after another.

    src (S,) and tgt (T,) tokens. Returns logits (T, V) and the weights (H, T, S) of the attention, if there is one.
    """
    memory, states = _plain_encoder(model, src)
    cells = [cell_of(layer) for layer in model.decoder]
    fed = torch.zeros(model.d_model, dtype=torch.float64)
    logits, weights = [], []
    for token in tgt:
        hidden = _embedded(model.tgt_embedding, token)
        hidden = torch.cat([hidden, fed]) if feeding else hidden
        for i, cell in enumerate(cells):
            states[i] = cell(hidden, states[i])
            hidden = states[i][0]
        if attention != "none":
            context, row = plain_look(model.attention, attention, n_heads, hidden, memory)
            hidden = torch.tanh(model.attention.combine.weight @ torch.cat([context, hidden]))
            weights.append(row)
        fed = hidden
        logits.append(model.tgt_embedding.weight @ hidden)
    return torch.stack(logits), torch.stack(weights, dim=1) if weights else None


def _embedded(part: nn.Embedding, token: Tensor) -> Tensor:
    return math.sqrt(part.embedding_dim) * part.weight[token]


def _plain_encoder(model: RecurrentSeq2Seq, src: Tensor) -> tuple[list[Tensor], list[State]]:
    """The memory, a vector for each token, and the decoder's first state, layer by layer."""
    memory = [_embedded(model.src_embedding, token) for token in src]
    states = []
    for i, layer in enumerate(model.encoder):
        outputs, last = along(cell_of(layer), layer, memory)
        if layer.run.bidirectional:
            back, last_back = along(cell_of(layer, "_reverse"), layer, memory[::-1])
            outputs = [torch.cat(pair) for pair in zip(outputs, back[::-1], strict=True)]
            last = tuple(torch.cat(pair) for pair in zip(last, last_back, strict=True))
        memory = outputs
        bridges = model.bridge[i * len(last) : (i + 1) * len(last)]
        states.append(tuple(torch.tanh(b.weight @ part + b.bias) for b, part in zip(bridges, last, strict=True)))
    return memory, states


TORCH_CELLS = {"RNN_TANH": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


def cell_of(layer: Recurrent, direction: str = "") -> Callable[[Tensor, State], State]:
    """torch's own cell with the weights of a layer: one step for one vector."""
    theirs = TORCH_CELLS[layer.run.mode](layer.run.input_size, layer.run.hidden_size).double()
    theirs.load_state_dict({name: getattr(layer.run, f"{name}_l0{direction}") for name in theirs.state_dict()})

    def step(inputs: Tensor, state: State) -> State:
        new = theirs(inputs, state if len(state) == 2 else state[0])
        return new if isinstance(new, tuple) else (new,)

    return step


def along(
    cell: Callable[[Tensor, State], State], layer: Recurrent, inputs: Sequence[Tensor]
) -> tuple[list[Tensor], State]:
    """A cell over a sequence, from a zero state: every h, and the last state."""
    state = (torch.zeros(layer.run.hidden_size, dtype=torch.float64),) * (2 if layer.run.mode == "LSTM" else 1)
    outputs = []
    for row in inputs:
        state = cell(row, state)
        outputs.append(state[0])
    return outputs, state


def plain_look(
    part: GlobalAttention, score: str, n_heads: int, hidden: Tensor, memory: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The context (D,) of one decoder output, and the weights (H, S)."""
    if n_heads > 1:
        outputs, weights_H1S = plain_heads(part.heads, hidden.unsqueeze(0), torch.stack(list(memory)))
        return outputs[0], weights_H1S[:, 0]
    scores = {
        "dot": lambda row: hidden @ row,
        "general": lambda row: (part.query.weight @ hidden) @ row,
        "additive": lambda row: part.energy.weight[0] @ torch.tanh(part.query.weight @ hidden + part.key.weight @ row),
    }
    weights = normalised(torch.stack([scores[score](row) for row in memory]))
    return mixed(weights, memory), weights.unsqueeze(0)


@contextmanager
def unrolled(model: nn.Module) -> Iterator[None]:
    """While inside, every recurrent layer of the model runs as a Python loop of plain matrix products, which a counter
    sees; the fused kernels hide theirs."""
    layers = [module for module in model.modules() if isinstance(module, Recurrent)]
    try:
        for layer in layers:
            layer.forward = partial(_loop, layer)
        yield
    finally:
        for layer in layers:
            del layer.forward


def _loop(
    layer: Recurrent,
    inputs: Tensor,
    hidden: State | None = None,
    lengths: Tensor | None = None,
    weights: Weights | None = None,
) -> tuple[Tensor, State]:
    """`Recurrent.forward`, without padding and without dropped weights."""
    assert lengths is None and weights is None, "a loop over unpadded rows with the layer's own weights"
    step, states, width = STEPS[layer.run.mode]
    ends, outputs = [], []
    for direction in ("", "_reverse") if layer.run.bidirectional else ("",):
        W_x, W_h, b_x, b_h = (
            getattr(layer.run, f"{name}_l0{direction}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        state = hidden or (inputs.new_zeros(inputs.shape[0], layer.run.hidden_size),) * states
        found = []
        for row in reversed(inputs.unbind(1)) if direction else inputs.unbind(1):
            state = step(
                F.linear(row, W_x, b_x).chunk(width, -1), F.linear(state[0], W_h, b_h).chunk(width, -1), state
            )
            found.append(state[0])
        outputs.append(torch.stack(found[::-1] if direction else found, dim=1))
        ends.append(state)
    return torch.cat(outputs, dim=-1), tuple(torch.cat(parts, dim=-1) for parts in zip(*ends, strict=True))


def _rnn(x: Sequence[Tensor], h: Sequence[Tensor], state: State) -> State:
    """The parts of W x + b and of U h + b to the new state; likewise below."""
    return (torch.tanh(x[0] + h[0]),)


def _gru(x: Sequence[Tensor], h: Sequence[Tensor], state: State) -> State:
    reset, update = torch.sigmoid(x[0] + h[0]), torch.sigmoid(x[1] + h[1])
    return ((1 - update) * torch.tanh(x[2] + reset * h[2]) + update * state[0],)


def _lstm(x: Sequence[Tensor], h: Sequence[Tensor], state: State) -> State:
    take, forget, candidate, show = (mine + its for mine, its in zip(x, h, strict=True))
    cell = torch.sigmoid(forget) * state[1] + torch.sigmoid(take) * torch.tanh(candidate)
    return torch.sigmoid(show) * torch.tanh(cell), cell


STEPS = {"RNN_TANH": (_rnn, 1, 1), "GRU": (_gru, 1, 3), "LSTM": (_lstm, 2, 4)}
"""One step of a cell, the tensors in its state, and the parts of its weights."""
