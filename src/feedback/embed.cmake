# Writes a source file that holds the texts of config/feedback/ as raw string literals.
file(READ ${SOURCE_DIR}/words.txt words)
file(READ ${SOURCE_DIR}/weights.txt weights)
set(text "#include \"feedback/signals.h\"\n\nnamespace triage::feedback {\n\n")
string(APPEND text "std::string_view BuiltInWords() {\n  return R\"EMBEDDED(" "${words}" ")EMBEDDED\";\n}\n\n")
string(APPEND text "std::string_view BuiltInWeights() {\n  return R\"EMBEDDED(" "${weights}" ")EMBEDDED\";\n}\n\n")
string(APPEND text "}  // namespace triage::feedback\n")
file(WRITE ${OUTPUT} "${text}")
