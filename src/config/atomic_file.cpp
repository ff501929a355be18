#include "config/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <random>
#include <system_error>

namespace int8graph {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(int error, const std::string& path, const char* what) {
  throw std::system_error(error, std::generic_category(), path + ": " + what);
}

constexpr const char* kCannotWrite = "can't be written";
constexpr const char* kCannotRead = "can't be read";

// A path with a zero byte inside would silently mean another file to the system calls.
void require_c_string(const std::string& path, const char* what) {
  if (path.find('\0') != std::string::npos) fail(EINVAL, path.c_str(), what);
}

// Where a link leads whose end does not exist yet: the file is to appear there.
fs::path follow_dangling_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // the kernel's own limit
  fs::path target = path;
  std::error_code error;
  for (int i = 0; fs::is_symlink(fs::symlink_status(target, error)); ++i) {
    if (i == kMostLinks) fail(ELOOP, path, kCannotWrite);
    const fs::path next = fs::read_symlink(target, error);
    if (error) fail(error.value(), path, kCannotWrite);
    target = target.parent_path() / next;  // an absolute `next` replaces all
  }
  return target;
}

// Creates a file that did not exist; open() rather than mkstemp(), which ignores the umask. The
// name does not build on the target's, which may have the greatest length already.
int create_temporary(const fs::path& directory, const std::string& path, std::string& name) {
  constexpr int kTries = 100;
  std::random_device random;
  for (int i = 0; i < kTries; ++i) {
    name = (directory / (".int8graph-" + std::to_string(random()) + ".tmp")).string();
    const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return descriptor;
    if (errno != EEXIST) break;
  }
  const int error = errno;
  name.clear();
  fail(error, path, kCannotWrite);
}

// The rename itself must survive a power failure too. Some file systems can't sync a directory;
// the file is in its place all the same, so that this is no error.
void sync_directory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

fs::path directory_of(const std::string& file) {
  const fs::path parent = fs::path(file).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  require_c_string(path, kCannotWrite);
  struct stat old {};
  const bool replaces = ::stat(path.c_str(), &old) == 0;
  if (replaces) {
    if (S_ISDIR(old.st_mode)) fail(EISDIR, path_, kCannotWrite);
    if (!S_ISREG(old.st_mode)) fail(EINVAL, path_, "can't be written, it is no regular file");
    // Renaming needs permission for the directory only; a write-protected file must be respected.
    if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) {
      fail(errno, path_, kCannotWrite);
    }
    std::error_code error;
    target_ = fs::canonical(path, error).string();
    if (error) fail(error.value(), path_, kCannotWrite);
  } else {
    if (errno != ENOENT || path.empty()) fail(errno, path_, kCannotWrite);
    target_ = follow_dangling_links(path).string();
  }

  descriptor_ = create_temporary(directory_of(target_), path_, temporary_);
  if (replaces) {
    // Giving a file to its former owner is for root alone; without it the file is the writer's.
    [[maybe_unused]] const int owned = ::fchown(descriptor_, old.st_uid, old.st_gid);
    if (::fchmod(descriptor_, old.st_mode & 0777) != 0) {
      const int error = errno;
      remove_temporary();
      fail(error, path_, kCannotWrite);
    }
  }
}

AtomicFile::~AtomicFile() {
  remove_temporary();
}

void AtomicFile::write(const void* data, std::size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, bytes, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(errno, path_, kCannotWrite);
    }
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail(errno, path_, kCannotWrite);
  // Network file systems report a full disk here at the latest.
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) fail(errno, path_, kCannotWrite);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno, path_, kCannotWrite);
  temporary_.clear();
  sync_directory(directory_of(target_));
}

void AtomicFile::remove_temporary() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void check_writable(const std::string& path) {
  const AtomicFile never_committed(path);
}

void write_file_atomically(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content.data(), content.size());
  file.commit();
}

std::string read_file(const std::string& path) {
  require_c_string(path, kCannotRead);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(errno, path, kCannotRead);
  std::string content;
  std::array<char, 1 << 16> block;
  for (;;) {
    const ssize_t got = ::read(descriptor, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      ::close(descriptor);
      fail(error, path, kCannotRead);
    }
    if (got == 0) break;
    content.append(block.data(), static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return content;
}

}  // namespace int8graph
