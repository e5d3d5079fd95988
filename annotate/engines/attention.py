"""What makes decoding on a CPU fast: attention without copies of keys, and a cache that grows in blocks.

Both compute what transformers' own do; only the memory traffic differs. Together they
take a tenth to a fifth off the CPU time of a model of 3M parameters at 64 to 256 rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import Cache, PreTrainedModel

_NAME = "firstfault_grouped"
_BLOCK = 128


def use_grouped_attention(model: PreTrainedModel) -> None:
    """Decode grouped-query attention without repeating keys and values for every query head.

    Only a model on the CPU that runs scaled-dot-product attention is changed.
    """
    import transformers
    from transformers import masking_utils

    kernels: Any = transformers.AttentionInterface
    masks: Any = masking_utils
    changed: Any = model
    if model.device.type != "cpu" or model.config._attn_implementation != "sdpa":  # pyright: ignore[reportPrivateUsage]
        return
    kernels.register(_NAME, _grouped_attention)
    masks.AttentionMaskInterface.register(_NAME, masks.sdpa_mask)
    changed.set_attn_implementation(_NAME)


def growing_cache(model: PreTrainedModel) -> Cache:
    """Return an empty key-value cache for one batch."""
    from transformers import Cache, DynamicCache

    kinds: set[str] = set(getattr(model.config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        return DynamicCache(config=model.config)
    return Cache(layer_class_to_replicate=_growing_layer())


def _grouped_attention(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    **rest: Any,
) -> tuple[Any, None]:
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.integrations import sdpa_attention

    kernels: Any = sdpa_attention
    rows, heads, length, width = query.shape
    groups = key.shape[1]
    if length != 1 or groups == heads:
        return kernels.sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **rest
        )
    # With one query position, the heads that share a key can stand where positions usually do.
    mask = None if attention_mask is None else attention_mask.expand(rows, 1, heads // groups, -1)
    grouped = query.view(rows, groups, heads // groups, width)
    out = scaled_dot_product_attention(grouped, key, value, attn_mask=mask, scale=scaling)
    return out.reshape(rows, 1, heads, width), None


def _growing_layer() -> Any:
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):
        """Keys and values in a buffer with room to spare, instead of a copy at every token."""

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
                self._room: tuple[Any, Any] | None = None
            used = self.get_seq_length()
            length = used + key_states.shape[-2]
            if self._room is None or self._room[0].shape[-2] < length:
                self._room = (
                    self._grown(self.keys, key_states, used, length),
                    self._grown(self.values, value_states, used, length),
                )
            self._room[0][:, :, used:length] = key_states
            self._room[1][:, :, used:length] = value_states
            self.keys, self.values = (buffer[:, :, :length] for buffer in self._room)
            return self.keys, self.values

        def batch_select_indices(self, indices: Any) -> None:
            super().batch_select_indices(indices)
            self._room = None

        @staticmethod
        def _grown(old: Any, new: Any, used: int, length: int) -> Any:
            rows, heads, _, width = new.shape
            buffer = new.new_empty(rows, heads, length + _BLOCK, width)
            if used:
                buffer[:, :, :used] = old
            return buffer

    return GrowingLayer
