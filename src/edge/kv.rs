//! A KV namespace, by the methods that it has in JavaScript. `worker`'s own type takes options and values through
//! serde's traits, which is as much code again as all that we do with them.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;
use worker::Env;

use super::bindings::{call, unavailable};
use crate::flow::ports::Unavailable;

/// A namespace.
pub(super) struct Kv {
    binding: &'static str,
    namespace: JsValue,
}

impl Kv {
    /// The namespace behind a binding.
    pub(super) fn of(env: &Env, binding: &'static str) -> Result<Self, Unavailable> {
        let namespace = Reflect::get(env, &binding.into()).unwrap_or_default();
        if namespace.is_undefined() {
            return Err(unavailable(binding, &"there is no such binding"));
        }
        Ok(Self { binding, namespace })
    }

    /// What is there under a key. A location may keep what it reads for `kept_secs`.
    pub(super) async fn text(
        &self,
        key: &str,
        kept_secs: Option<u32>,
    ) -> Result<Option<String>, Unavailable> {
        let arguments = Array::of1(&key.into());
        if let Some(secs) = kept_secs {
            arguments.push(&options("cacheTtl", &secs.into()));
        }
        Ok(self.call("get", &arguments).await?.as_string())
    }

    /// Puts a text there, to be forgotten after `ttl_secs`.
    pub(super) async fn put(
        &self,
        key: &str,
        text: &str,
        ttl_secs: Option<u64>,
    ) -> Result<(), Unavailable> {
        let arguments = Array::of2(&key.into(), &text.into());
        if let Some(secs) = ttl_secs {
            let secs = u32::try_from(secs).unwrap_or(u32::MAX);
            arguments.push(&options("expirationTtl", &secs.into()));
        }
        self.call("put", &arguments).await.map(|_| ())
    }

    /// The first keys that begin so.
    pub(super) async fn keys(&self, prefix: &str) -> Result<Vec<String>, Unavailable> {
        let arguments = Array::of1(&options("prefix", &prefix.into()));
        let listed = self.call("list", &arguments).await?;
        let field = |object: &JsValue, name: &str| Reflect::get(object, &name.into());
        let keys = Array::from(&field(&listed, "keys").unwrap_or_default());
        let names = keys.iter().filter_map(|key| field(&key, "name").ok());
        Ok(names.filter_map(|name| name.as_string()).collect())
    }

    async fn call(&self, method: &str, arguments: &Array) -> Result<JsValue, Unavailable> {
        let answer = call(&self.namespace, method, arguments).await;
        answer.map_err(|error| unavailable(self.binding, &worker::Error::from(error)))
    }
}

/// An object of one field.
pub(super) fn options(name: &str, value: &JsValue) -> JsValue {
    let options = Object::new();
    // A plain object takes any field.
    let _ = Reflect::set(&options, &name.into(), value);
    options.into()
}
