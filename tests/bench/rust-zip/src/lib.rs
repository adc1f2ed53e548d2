//! (e) One archive, whole, in WASM memory: append two stored entries with `zip`, answer with all bytes.

use std::io::{Cursor, Write};

use worker::{Context, Env, Request, Response, Result, event};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _ctx: Context) -> Result<Response> {
    let key = request.path().trim_start_matches('/').to_owned();
    let Some(object) = env.bucket("ARCHIVES")?.get(&key).execute().await? else {
        return Response::error("no such archive", 404);
    };
    let Some(body) = object.body() else {
        return Response::error("no body", 500);
    };
    let archive = body.bytes().await?;
    Response::from_bytes(personalised(archive).map_err(|error| worker::Error::RustError(error.to_string()))?)
}

fn personalised(archive: Vec<u8>) -> std::result::Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut writer = ZipWriter::new_append(Cursor::new(archive))?;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in [("LICENSE.txt", "This copy is licensed to Ada Lovelace.\n"), ("README.txt", "Welcome!\n")] {
        writer.start_file(name, options)?;
        writer.write_all(text.repeat(30).as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}
