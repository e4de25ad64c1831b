"""Ask zoodiff about small random networks of transformers' architectures and their exports.

    python -m benchmarks.transformers_matrix FILE [--only bert,gpt2] [--limit 20] [--seconds 300]

Each architecture of ``transformers`` whose base model builds from a small configuration is written
by ``torch.export`` and both ONNX exporters. The network in Python is compared with each file: the
right answer is "the same function" where the file computes what the network does when it is run
without zoodiff, "different functions" where it does not. A copy of the network with one planted
change is compared with one of the files; the right answer is "different functions". FILE gets one
JSON line per architecture; architectures that it has are not run again.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.matrix import of_pytorch, parser_of, run_matrix

_NAMES = """
    bert vit wav2vec2 clip patchtst gpt2 swin llava llama whisper resnet t5 blip bart convnext
    deberta-v2 hubert detr vision-encoder-decoder albert electra segformer siglip roberta
    audio-spectrogram-transformer deit mistral time_series_transformer paligemma beit gemma speecht5
    bloom dinov2 blip-2 gpt_neox regnet opt wavlm vilt phi poolformer mamba levit visual_bert
    marian sew cvt funnel lxmert xlnet hiera informer unispeech longformer flava focalnet
    big_bird mpnet dpt wav2vec2-conformer bros nystromformer glpn convbert layoutlm fnet yolos
    data2vec-audio squeezebert conditional_detr layoutlmv3 mobilebert deformable_detr reformer
    speech_to_text git patchtsmixer rwkv dab-detr xlm florence2 rf_detr parakeet_encoder mixtral
    falcon maskformer idefics3 codegen mask2former canary gptj gemma3 oneformer gpt_neo mpt
    moonshine mobilenet_v1 aya_vision ctrl mobilenet_v2 openai-gpt decision_transformer
    llava_next clap modernbert pvt_v2 recurrent_gemma internvl swinv2 mamba2 univnet swin2sr
    zamba2 owlvit jamba donut-swin qwen3_next encodec groupvit bit deepseek_v3 gemma3_text
    convnextv2 clipseg llama4_text dac timesfm vit_mae pegasus altclip led vit_msn vits
    prophetnet chinese_clip vitdet m2m_100 videomae mt5 vision-text-dual-encoder seamless_m4t_v2
    longt5 timesformer switch_transformers speech-encoder-decoder vivit umt5 parakeet_ctc
    t5gemma vjepa2 encoder-decoder perceiver canine superpoint wav2vec2-bert roformer
    audioflamingo3 lightglue rembert luke xclip sam unispeech-sat tapas textnet splinter
    metaclip_2 xmod ijepa sew-d yoso tvp pixtral mra
"""
_FIRST = tuple(_NAMES.split())
"""Architectures of all families (text, images, sound, several of them, series), run first."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the architectures that the file lacks; print the table of all that it has."""
    options = parser_of(__doc__.splitlines()[0]).parse_args(arguments)
    return run_matrix(of_pytorch("architectures", _prepare, _names, _build, _description), options)


def _prepare() -> None:
    import transformers
    import transformers.models.auto.modeling_auto

    del transformers


def _names() -> list[str]:
    from benchmarks.small_transformers.networks import architectures

    known = architectures()
    heads = [name for name in known if "/" in name]
    rest = [name for name in known if name not in {*_FIRST, *heads}]
    names = [*_FIRST, *heads, *(name for k in range(7) for name in rest[k::7])]
    return [name for name in names if name in known]


def _build(name: str) -> Any:
    from benchmarks.small_transformers.networks import build

    return build(name)


def _description(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many of the architectures have a head, and what they read."""
    heads = sum("/" in row["architecture"] for row in rows)
    kinds = Counter(map(_kind, rows))
    return f"of the {len(rows)}, {heads} are another's with a head; " + ", ".join(
        f"{kind} {count}" for kind, count in sorted(kinds.items())
    )


def _kind(row: Mapping[str, Any]) -> str:
    """What an architecture reads: text, images, sound, several of these, or series."""
    names = set(row.get("inputs", {}))
    kinds = [
        kind
        for kind, own in (
            ("text", {"input_ids", "decoder_input_ids"}),
            ("images", {"pixel_values", "visual_feats", "visual_embeds"}),
            ("sound", {"input_values", "input_features"}),
        )
        if own & names
    ]
    return " and ".join(kinds) or "series and others"


if __name__ == "__main__":
    sys.exit(main())
