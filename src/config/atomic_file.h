#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "int8graph/export.h"

namespace int8graph {

/// A file that appears whole or not at all. Bytes go to a temporary file beside `path`; commit()
/// brings them to the disk and then puts them in the place of `path` in one step. Whatever fails
/// before that, and a destructor without commit(), leave the old file untouched and remove the
/// temporary one.
///
/// A new file gets the permissions of the process's umask, a replaced one keeps its own. A symbolic
/// link stays: what it points to is replaced. What can't be replaced (a directory, a device, a file
/// without permission to write) is refused.
///
/// All errors are std::system_error with the errno; the message names `path`.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t size);
  void commit();

 private:
  void remove_temporary() noexcept;

  std::string path_;       // as the caller named it, for messages
  std::string target_;     // with symbolic links resolved
  std::string temporary_;  // empty once it is gone
  int descriptor_ = -1;
};

/// Throws what AtomicFile would: for the start of long work, whose result is to be written there.
/// This one and the next are exported for the program int8graph.
INT8GRAPH_API void check_writable(const std::string& path);

/// Writes a whole file through AtomicFile.
INT8GRAPH_API void write_file_atomically(const std::string& path, std::string_view content);

/// Reads a whole file. Errors are those of AtomicFile.
std::string read_file(const std::string& path);

}  // namespace int8graph
