# Every Plait library is made by plait_library(): one place for warnings and sanitizers, and the DEPS of each call are
# the arrows of the design (tests/lint/tree_rules.py holds the includes against them).

add_library(plait_options INTERFACE)
target_include_directories(plait_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(plait_options INTERFACE -Wall -Wextra -Wshadow -Wno-sign-compare)
if(PLAIT_WERROR)
  target_compile_options(plait_options INTERFACE -Werror)
endif()
if(PLAIT_SANITIZE)
  target_compile_options(plait_options INTERFACE -fsanitize=${PLAIT_SANITIZE} -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer)
  target_link_options(plait_options INTERFACE -fsanitize=${PLAIT_SANITIZE})
endif()

# plait_library(NAME SOURCES a.cc b.cc DEPS x y)
function(plait_library NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${NAME} STATIC ${ARG_SOURCES})
  target_link_libraries(${NAME} PUBLIC plait_options ${ARG_DEPS})
endfunction()

# plait_simd(FILE...): g++ 12 reports false uninitialised values inside the AVX-512 intrinsics' own headers.
function(plait_simd)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-Wno-maybe-uninitialized;-Wno-uninitialized")
  endif()
endfunction()
