"""The prompt format: one question, one way of asking, the same for every model that is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..datasets.config import Config
from ..datasets.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PromptFormat(Config):
    """How a question becomes the text that a model continues."""

    system: str = (
        "Solve the problem step by step. Write each step on its own line as 'Step n: ...' "
        "and finish with a line 'Answer: ...'."
    )
    """System message; empty for none. A chat template may ignore it."""

    def render(self, tokenizer: PreTrainedTokenizerBase, question: str, prefix: str = "") -> str:
        """Return the plain text that asks `question`, up to and including `prefix`.

        The chat template opens the assistant's turn and the prefix is appended as text: a partial
        turn that goes through the template would be closed and a new one opened.

        Args:
            tokenizer: Tokenizer with a chat template.
            question: What is asked; it goes through the template as the user's message.
            prefix: Start of the answer, to be continued without a break.

        Raises:
            ModelError: If the tokenizer has no chat template.
        """
        template: Any = tokenizer  # its stubs leave most types open
        if not template.chat_template:
            raise ModelError(
                f"{template.name_or_path}: the tokenizer has no chat template",
                hint="Use an instruction-tuned model, or put a chat_template.jinja beside the tokenizer.",
            )
        messages = [{"role": "user", "content": question}]
        if self.system:
            messages.insert(0, {"role": "system", "content": self.system})
        opened: str = template.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return opened + prefix
