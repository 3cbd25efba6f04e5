//! Files in three steps: a URL, the bytes, the sharing.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::args::Args;
use super::workspace::{Draft, File, Workspace};
use super::{Answer, ApiError, record};
use crate::clock::iso;
use crate::ids;
use crate::shared::{Reply, Request};

pub(super) fn get_upload_url(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let name = args.required("filename")?;
    let bytes = args.required("length")?;
    let announced_bytes: u64 = bytes.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
        ApiError::new("invalid_arguments")
            .message("[ERROR] must be greater than 0 [json-pointer:/length]".into())
    })?;
    let file = File {
        id: format!("F{}", ids::upper(10)),
        title: name.clone(),
        name,
        announced_bytes,
        upload_token: ids::lower(24),
        content: None,
        channel: None,
        thread_ts: None,
        completed: false,
        at: iso(now),
    };
    let answer = json!({
        "upload_url": format!("{}/slack/upload/{}", workspace.base_url, file.upload_token),
        "file_id": file.id,
    });
    workspace.files.push(file);
    Ok(answer)
}

/// The upload URL: raw bytes, or the first part of a multipart form.
pub(super) fn upload(workspace: &mut Workspace, token: &str, request: &Request, now: DateTime<Utc>) -> Reply {
    let content_type = request.header("content-type").unwrap_or_default();
    let bytes = match content_type.split_once("boundary=") {
        Some((_, boundary)) if content_type.starts_with("multipart/form-data") => {
            multipart(&request.body, boundary.trim_matches('"')).unwrap_or_default()
        }
        _ => request.body.to_vec(),
    };
    let problem = match workspace.files.iter_mut().find(|f| f.upload_token == token) {
        None => Some((404, "unknown upload url")),
        Some(_) if request.method != http::Method::POST => Some((405, "use POST")),
        Some(file) if file.content.is_some() => Some((400, "already uploaded")),
        Some(file) if file.announced_bytes != bytes.len() as u64 => {
            Some((400, "length differs from the announced one"))
        }
        Some(file) => {
            file.content = Some(String::from_utf8_lossy(&bytes).into_owned());
            None
        }
    };
    let (status, text) = problem.map_or((200, format!("OK - {}", bytes.len())), |(s, t)| (s, t.to_owned()));
    record(workspace, "upload", request, now, status, problem.map(|(_, t)| t), None);
    Reply::text(status, text)
}

fn multipart(body: &[u8], boundary: &str) -> Option<Vec<u8>> {
    let find = |needle: &[u8], from: usize| {
        body.get(from..)?.windows(needle.len()).position(|w| w == needle).map(|at| at + from)
    };
    let start = find(b"\r\n\r\n", 0)? + 4;
    let end = find(format!("\r\n--{boundary}").as_bytes(), start)?;
    Some(body[start..end].to_vec())
}

pub(super) fn complete_upload(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let listed = args.nested("files").ok().flatten().and_then(|f| f.as_array().cloned()).unwrap_or_default();
    if listed.is_empty() {
        return Err(
            ApiError::new("invalid_arguments").message("[ERROR] missing required field: files".into())
        );
    }
    let ids: Vec<String> = listed.iter().filter_map(|f| f["id"].as_str()).map(str::to_owned).collect();
    let uploaded =
        |id: &String| workspace.files.iter().any(|f| f.id == *id && f.content.is_some() && !f.completed);
    if ids.len() != listed.len() || !ids.iter().all(uploaded) {
        return Err(ApiError::new("file_not_found"));
    }
    let channel = args.text("channel_id").or_else(|| args.list("channels").into_iter().next());
    let thread_ts = args.text("thread_ts");
    if let Some(id) = &channel {
        let home = workspace.channel(id).ok_or_else(|| ApiError::new("channel_not_found"))?;
        if !home.members.contains(&workspace.config.bot_user_id) {
            return Err(ApiError::new("not_in_channel"));
        }
        if thread_ts.as_ref().is_some_and(|ts| home.message(ts).is_none()) {
            return Err(ApiError::new("invalid_arguments").message("[ERROR] invalid thread_ts".into()));
        }
    }
    for (id, given) in ids.iter().zip(&listed) {
        if let Some(file) = workspace.files.iter_mut().find(|f| f.id == *id) {
            file.completed = true;
            file.channel.clone_from(&channel);
            file.thread_ts.clone_from(&thread_ts);
            if let Some(title) = given["title"].as_str() {
                file.title = title.to_owned();
            }
        }
    }
    if let Some(id) = channel {
        let text = args.text("initial_comment").unwrap_or_default();
        let draft = Draft { text, thread_ts, files: ids.clone(), ..Draft::default() };
        workspace.post(&id, draft, now);
    }
    let files: Vec<Value> = ids.iter().filter_map(|id| workspace.file_json(id)).collect();
    Ok(json!({"files": files}))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_part_of_a_multipart_body_is_the_file() {
        let body = b"--X\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nhello\r\nworld\r\n--X--\r\n";
        assert_eq!(super::multipart(body, "X").unwrap(), b"hello\r\nworld");
        assert!(super::multipart(b"--X\r\nno end", "X").is_none());
    }
}
