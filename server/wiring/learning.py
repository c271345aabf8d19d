"""Learning from what residents and officers do with answers."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from server.settings import Settings
from server.wiring.parts import Parts
from services.ask.queries import Ask
from services.catalogue.actions import CatalogueActions
from services.catalogue.queries import Catalogue, Editorial
from services.knowledge.actions import KnowledgeActions
from services.learning.actions import Learning
from services.learning.effects import Effects
from services.learning.model import LearningRules
from services.learning.review import Review
from services.learning.store import EffectStore, ProposalStore, SignalStore
from services.learning.tokens import AnswerTokens


@dataclass(frozen=True)
class LearningParts:
    learning: Learning
    review: Review
    effects: Effects
    store: ProposalStore


def build(
    parts: Parts,
    catalogue: Catalogue,
    catalogue_actions: CatalogueActions,
    editorial: Editorial,
    ask: Ask,
    knowledge_actions: KnowledgeActions,
) -> LearningParts:
    rules = learning_rules(parts.settings)
    # A key of its own, made from the master key: nothing more to configure, and the same in every process.
    key = hmac.digest(parts.settings.master_key_bytes, b"banshi learning", "sha256")
    tokens = AnswerTokens(key, rules.feedback)
    store = ProposalStore(parts.database, parts.clock, parts.ids)
    effects = Effects(catalogue, EffectStore(parts.redis), Path(parts.settings.data_folder) / "nlp", rules)
    signals = SignalStore(parts.database)
    return LearningParts(
        learning=Learning(signals, store, catalogue, ask, tokens, parts.clock, parts.ids, rules),
        review=Review(store, effects, catalogue_actions, editorial, knowledge_actions),
        effects=effects,
        store=store,
    )


def learning_rules(settings: Settings) -> LearningRules:
    return LearningRules(
        votes=settings.learning_votes,
        majority=settings.learning_majority_percent / 100,
        unanswered=settings.learning_unanswered,
        domain_at=settings.learning_domain_percent / 100,
        margin=settings.learning_margin_permille / 1000,
        keep=timedelta(days=settings.learning_signal_days),
        effect=timedelta(seconds=settings.learning_effect_seconds),
    )
