import org.openapitools.client.JSON;
import org.openapitools.client.model.ActiveToken;
import org.openapitools.client.model.IntrospectToken200Response;

/** Reads an answer of introspection with the generated client. */
public class Story {
    public static void main(String[] arguments) throws Exception {
        var answer = JSON.getDefault().getMapper().readValue(arguments[0], IntrospectToken200Response.class);
        var token = (ActiveToken) answer.getActualInstance();
        System.out.println(token.getActive() + " " + token.getSub() + " " + token.getAcr());
    }
}
