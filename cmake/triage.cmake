# Flags of every target of ours, and the one way to declare a folder: triage_library().

add_library(triage_flags INTERFACE)
target_compile_options(triage_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough -Wnull-dereference -Wno-gnu-zero-variadic-macro-arguments)
if(TRIAGE_WERROR)
  target_compile_options(triage_flags INTERFACE -Werror)
endif()
target_include_directories(triage_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
# Hardening costs nothing that a benchmark here can see.
target_compile_options(triage_flags INTERFACE -fstack-protector-strong)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(triage_flags INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(triage_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()

# triage_library(NAME SOURCES a.cc … [TESTS a_test.cc …] [DEPS folder …] [LIBS target …] [TEST_LIBS target …])
# makes the static library triage_NAME and, with TESTS, the program triage_NAME_test whose cases CTest knows.
function(triage_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;TESTS;DEPS;LIBS;TEST_LIBS" ${ARGN})
  add_library(triage_${name} STATIC ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPS PREPEND triage_)
  target_link_libraries(triage_${name} PUBLIC triage_flags ${ARG_DEPS} PRIVATE ${ARG_LIBS})
  if(ARG_TESTS AND BUILD_TESTING)
    triage_test(triage_${name}_test SOURCES ${ARG_TESTS} LIBS triage_${name} ${ARG_LIBS} ${ARG_TEST_LIBS})
  endif()
endfunction()

function(triage_test target)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE TRIAGE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
endfunction()
