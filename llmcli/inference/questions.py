"""What a model that writes is told, to answer a question about a text."""

CHAT = (
    "Answer the question from the text, in a few words.\n\nText: {context}\n\nQuestion: {question}"
)
PLAIN = "Text: {context}\n\nQuestion: {question}\nAnswer:"
SEQ2SEQ = "question: {question} context: {context}"  # Raffel et al. 2020, appendix D
