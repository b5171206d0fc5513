# Target man: the manual pages, written from what the command's own --help says. Built by default;
# there are none where the command can't be run here.

set(HEDGEROW_MAN_DIR ${CMAKE_BINARY_DIR}/man)
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND NOT CMAKE_CROSSCOMPILING)
  set(script ${PROJECT_SOURCE_DIR}/scripts/man)
  add_custom_command(
    OUTPUT ${HEDGEROW_MAN_DIR}/hedgerow.1
    COMMAND ${Python3_EXECUTABLE} ${script} --command $<TARGET_FILE:hedgerow_command>
            ${HEDGEROW_MAN_DIR}
    DEPENDS hedgerow_command ${script} ${PROJECT_SOURCE_DIR}/scripts/help_text.py
    COMMENT "Writing the manual pages"
    VERBATIM)
  add_custom_target(man ALL DEPENDS ${HEDGEROW_MAN_DIR}/hedgerow.1)
else()
  message(STATUS "No manual pages: they need Python 3, and a command that runs on this machine")
endif()
