if(unlisted)
    message(FATAL_ERROR "not among the public_headers of src/CMakeLists.txt: ${unlisted}")
endif()
