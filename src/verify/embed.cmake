# Writes a source file that holds the texts of config/verify/ as raw string literals. A literal may have 64 KB.
set(text "#include \"verify/embedded.h\"\n\nnamespace triage::verify {\n\n")
foreach(name Phrases Languages)
  string(TOLOWER ${name} file)
  file(READ ${SOURCE_DIR}/${file}.txt content)
  string(APPEND text "std::string_view Embedded${name}() {\n  return R\"EMBEDDED(" "${content}" ")EMBEDDED\";\n}\n\n")
endforeach()
string(APPEND text "}  // namespace triage::verify\n")
file(WRITE ${OUTPUT} "${text}")
