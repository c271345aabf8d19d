"""The knowledge base and canned answers."""

from __future__ import annotations

from server.wiring.parts import Parts
from services.catalogue.queries import Catalogue
from services.knowledge.actions import CannedAnswers, KnowledgeActions
from services.knowledge.queries import Knowledge
from services.knowledge.store import CannedStore, KnowledgeStore
from services.store import RevisionStore


def build(
    parts: Parts, revisions: RevisionStore, catalogue: Catalogue
) -> tuple[KnowledgeStore, Knowledge, KnowledgeActions, CannedAnswers]:
    store = KnowledgeStore(parts.database, parts.clock, parts.ids)
    knowledge = Knowledge(store, catalogue)
    actions = KnowledgeActions(store, revisions, knowledge, catalogue, parts.clock, parts.ids)
    return store, knowledge, actions, CannedAnswers(CannedStore(parts.database), parts.clock, parts.ids)
