//! The answers, read by a strictly typed client that this crate did not write.

use slack_morphism::prelude::*;

use crate::testkit::World;

fn client(world: &World) -> SlackHyperClient {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Plain HTTP to the sandbox: no roots are needed, and none are looked for.
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_all_versions()
        .build();
    let url = format!("{}/slack/api", world.sandbox.url());
    SlackClient::new(SlackClientHyperConnector::from(https).with_slack_api_url(&url))
}

#[tokio::test]
async fn every_answer_that_blocks_reads_is_whole() {
    let world = World::new().await;
    let client = client(&world);
    let token = SlackApiToken::new(world.config.slack.bot_token.clone().into());
    let session = client.open_session(&token);
    assert_eq!(session.auth_test().await.unwrap().user_id.0, "U0BLOCKS");

    let created =
        session.conversations_create(&SlackApiConversationsCreateRequest::new("inc-1".into())).await.unwrap();
    let channel = created.channel.id;
    let topic = SlackApiConversationsSetTopicRequest::new(channel.clone(), "P1".into());
    assert_eq!(session.conversations_set_topic(&topic).await.unwrap().topic.as_deref(), Some("P1"));
    let invite = SlackApiConversationsInviteRequest::new(channel.clone(), vec!["U0ANA".into()]);
    session.conversations_invite(&invite).await.unwrap();
    session.conversations_info(&SlackApiConversationsInfoRequest::new(channel.clone())).await.unwrap();
    session.conversations_list(&SlackApiConversationsListRequest::new()).await.unwrap();

    let payload = [("incident".to_owned(), "INC-1".to_owned())].into();
    let metadata = SlackMessageMetadata::new("card".into()).with_event_payload(payload);
    let content = SlackMessageContent::new()
        .with_text("card".into())
        .with_blocks(slack_blocks![SlackActionsBlock::new(slack_blocks![
            SlackBlockButtonElement::new(pt!("Approve")).with_action_id("approve".into())
        ])])
        .with_metadata(metadata.clone());
    let posted = session
        .chat_post_message(&SlackApiChatPostMessageRequest::new(channel.clone(), content.clone()))
        .await
        .unwrap();
    let ts = posted.ts;
    let update =
        SlackApiChatUpdateRequest::new(channel.clone(), content.with_text("edited".into()), ts.clone());
    assert!(session.chat_update(&update).await.unwrap().message.edited.is_some());
    let reply = SlackMessageContent::new().with_text("reply".into());
    let reply = SlackApiChatPostMessageRequest::new(channel.clone(), reply).with_thread_ts(ts.clone());
    session.chat_post_message(&reply).await.unwrap();
    let history = SlackApiConversationsHistoryRequest::new()
        .with_channel(channel.clone())
        .with_include_all_metadata(true)
        .with_limit(10);
    let history = session.conversations_history(&history).await.unwrap();
    assert_eq!(history.messages[0].content.metadata, Some(metadata));
    let replies = SlackApiConversationsRepliesRequest::new(channel.clone(), ts.clone());
    assert_eq!(session.conversations_replies(&replies).await.unwrap().messages.len(), 2);
    let permalink = SlackApiChatGetPermalinkRequest::new(channel.clone(), ts.clone());
    session.chat_get_permalink(&permalink).await.unwrap();
    session.pins_add(&SlackApiPinsAddRequest::new(channel.clone(), ts.clone())).await.unwrap();

    let user = session.users_info(&SlackApiUsersInfoRequest::new("U0ANA".into())).await.unwrap().user;
    assert_eq!(user.profile.unwrap().email.unwrap().0, "ana@example.com");
    let by_email = SlackApiUsersLookupByEmailRequest::new(EmailAddress("ben@example.com".into()));
    assert_eq!(session.users_lookup_by_email(&by_email).await.unwrap().user.id.0, "U0BEN");

    let ticket = SlackApiFilesGetUploadUrlExternalRequest::new("PIR.md".into(), 5);
    let ticket = session.get_upload_url_external(&ticket).await.unwrap();
    let upload =
        SlackApiFilesUploadViaUrlRequest::new(ticket.upload_url, b"# PIR".to_vec(), "text/markdown".into());
    session.files_upload_via_url(&upload).await.unwrap();
    let complete =
        SlackApiFilesCompleteUploadExternalRequest::new(vec![SlackApiFilesComplete::new(ticket.file_id)])
            .with_channel_id(channel.clone())
            .with_thread_ts(ts.clone());
    assert_eq!(session.files_complete_upload_external(&complete).await.unwrap().files.len(), 1);

    let nowhere = SlackMessageContent::new().with_text("x".into());
    let refused =
        session.chat_post_message(&SlackApiChatPostMessageRequest::new("C0NOPE".into(), nowhere)).await;
    assert!(matches!(refused, Err(errors::SlackClientError::ApiError(e)) if e.code == "channel_not_found"));
}

#[tokio::test]
async fn a_click_is_an_interaction_that_the_typed_client_reads() {
    let world = World::new().await;
    let args = serde_json::json!({
        "channel": "C0INCIDENTS", "text": "card", "metadata": {"event_type": "card", "event_payload": {"n": "1"}},
        "blocks": [{"type": "actions", "elements": [
            {"type": "button", "action_id": "approve", "value": "v", "text": {"type": "plain_text", "text": "ok"}}]}],
    });
    let posted = world.slack("chat.postMessage", args).await;
    let click = serde_json::json!({"user": "ana", "channel": "incidents", "ts": posted["ts"], "action_id": "approve"});
    world.control("slack/click", click).await;
    let seen = world.seen().pop().unwrap();
    let (_, payload) = crate::shared::pairs(&seen.body).pop().unwrap();
    let event: SlackInteractionEvent = serde_json::from_str(&payload).unwrap();
    let SlackInteractionEvent::BlockActions(event) = event else { panic!("{payload}") };
    assert_eq!(event.actions.unwrap()[0].value.as_deref(), Some("v"));
    assert_eq!(event.user.unwrap().id.0, "U0ANA");
    assert!(event.message.unwrap().content.metadata.is_some());
}
