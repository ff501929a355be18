#pragma once

/// The whole public API of int8graph. Everything else in the library is private.

#include "int8graph/calibration.h"
#include "int8graph/convert.h"
#include "int8graph/module_io.h"
#include "int8graph/quant_conf.h"
#include "int8graph/version.h"
