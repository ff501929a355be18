#pragma once

/// Marks what libint8graph.so shows to the outside; everything else in it is hidden.
#define INT8GRAPH_API __attribute__((visibility("default")))
