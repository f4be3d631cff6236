// SPDX-License-Identifier: Apache-2.0
//
// Owning pointers to what OpenSSL allocates.
//
// Threads: plain data.
// Example: const X509Pointer certificate(PEM_read_bio_X509(...));
#ifndef PINION_CORE_TLS_OPENSSL_POINTERS_H_
#define PINION_CORE_TLS_OPENSSL_POINTERS_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace pinion {

template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};

using BioPointer = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using X509Pointer = std::unique_ptr<X509, OpensslFree<X509_free>>;
using SslContextPointer = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SslPointer = std::unique_ptr<SSL, OpensslFree<SSL_free>>;

}  // namespace pinion

#endif  // PINION_CORE_TLS_OPENSSL_POINTERS_H_
