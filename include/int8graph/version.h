#pragma once

/// The version of this library. The only place it is written: CMake and the Python package read it
/// from here.
#define INT8GRAPH_VERSION "0.1.0"
