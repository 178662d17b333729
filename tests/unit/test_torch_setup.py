"""How a process that trains or is timed computes with numbers near zero. Each test has a process of its own."""

import subprocess
import sys

import pytest

START = """
import torch
from bench.system.torch_setup import set_up_torch

small = torch.full((200_000,), 1e-39)  # as many as several threads share
"""
FORWARDS = "print((small * 0.5).count_nonzero().item(), torch.get_num_threads())\n"
BACKWARDS = """
weight = torch.ones(200_000, requires_grad=True)
(weight * small).sum().backward()
print(weight.grad.count_nonzero().item())
"""


def output(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


@pytest.mark.parametrize("threads", [1, 2])
def test_subnormal_numbers_become_zero_in_every_thread(threads: int) -> None:
    assert output(f"set_up_torch({threads})\n{FORWARDS}{BACKWARDS}") == [f"0 {threads}", "0", ""]


def test_without_it_the_processor_keeps_subnormal_numbers() -> None:
    assert output(f"torch.set_num_threads(1)\n{FORWARDS}{BACKWARDS}") == ["200000 1", "200000", ""]
