"""Run in the job's image: our captions' model with a tokenizer as transformers keeps them, made
from the same vocabulary, says what it says with ours. Prints the greatest difference."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

sys.path.insert(0, "/app")

from processing.model_files import CAPTION, read_model_files
from processing.scorers import CaptionScorer

CAPTIONS = ["Cách nấu phở bò tại nhà", "You have won a free phone, tell me your code", ""]


def as_json(vocabulary: bytes) -> bytes:
    """A SentencePiece vocabulary as tokenizer.json."""
    pieces = sentencepiece.SentencePieceProcessor(model_proto=vocabulary)
    scored = [(pieces.id_to_piece(at), pieces.get_score(at)) for at in range(len(pieces))]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=pieces.unk_id()))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", pieces.bos_id()), ("</s>", pieces.eos_id())]
    )
    text: str = tokenizer.to_str()
    return text.encode()


def main() -> None:
    files = read_model_files(Path("/models"))
    (ours,) = files.seeing(CAPTION)
    told = {"kind": "transformers", "file": "tokenizer.json", "padding": "<pad>", "longest": 64}
    theirs: dict[str, Any] = {**ours, "tokenizer": told}
    content = {**files.files, "tokenizer.json": as_json(files.files[ours["tokenizer"]["file"]])}
    pairs = zip(
        CaptionScorer(ours, content).score(CAPTIONS),
        CaptionScorer(theirs, content).score(CAPTIONS),
        strict=True,
    )
    print(json.dumps(max(abs(one - other) for one, other in pairs)))


if __name__ == "__main__":
    main()
